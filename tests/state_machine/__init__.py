"""Two people do whatever they like, in any order, by services and pages; neither ever learns what is the other's."""

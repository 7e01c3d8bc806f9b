"""What subcommands share: the client of the profile, and output for people or programs."""

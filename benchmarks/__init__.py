"""How fast the product is, beside the plainest way to do the same on the same machine in the same run."""

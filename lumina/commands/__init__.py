"""One file a subcommand, or a family of them."""

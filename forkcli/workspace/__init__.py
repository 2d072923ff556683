"""What an agent's tools act on: its files, its commands and their sandbox, and what git says about them."""

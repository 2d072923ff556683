"""What a person sees and types. It shows what it is told and decides nothing; it imports the core alone."""

"""Where the stages meet: their order is read here."""

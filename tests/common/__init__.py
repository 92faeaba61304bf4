"""What several kinds of test share: sample studies, planted identifiers, answer keys."""

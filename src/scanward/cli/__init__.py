"""The command line: thin, one file for each command. Whatever a command needs is imported when it runs."""

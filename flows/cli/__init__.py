"""The command line. Each file of commands/ is one command; the files beside that folder are what commands share."""

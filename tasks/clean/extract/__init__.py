"""Turns the bytes of a page into its text, language, script, licence and scores."""

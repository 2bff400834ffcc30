"""Descriptions of files of the user, and the settings of a recipe that read them: the work of `textmill inspect`."""

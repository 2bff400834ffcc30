"""What files of the user hold, and the settings of a recipe that read them: the work of `textmill inspect`."""

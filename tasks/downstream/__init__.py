"""Tasks with labelled data: reading them, fitting models to them, scoring their answers."""

"""Models in use: open the folder of a model, continue texts, fill masks, and predict."""

"""The model that scores blocks of text: how it is trained, and how well it does on pages that it did not see."""

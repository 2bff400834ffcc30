"""HTML to text: the extractors."""

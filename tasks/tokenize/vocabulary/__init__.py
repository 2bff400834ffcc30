"""Trained and existing vocabularies."""

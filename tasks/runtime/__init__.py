"""Where work runs, and what is shown meanwhile."""

"""Looking for better settings: which may change, the trials, and a page about them. The flow trains them."""

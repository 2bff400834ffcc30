"""Apply the filters, and show in samples and tables why documents were kept or dropped."""

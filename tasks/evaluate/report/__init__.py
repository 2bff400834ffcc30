"""The report for people: the conclusion first, then scores, charts and mistakes, and where all of it came from.

Python computes what is shown; `templates/` are the markup, `report.css` the style. Only `rendering` knows Jinja.
"""

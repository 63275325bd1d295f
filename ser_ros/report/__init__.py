"""Reports: one folder with what a model heard, for programs, for spreadsheets and for people.

DIR/
report.json   every figure, and what is needed to get the same ones again
windows.csv   a row per window
report.html   a page that needs no network
"""

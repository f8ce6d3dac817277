"""Sec. 5 of the paper, one command an experiment: tables, figures and what they cost."""

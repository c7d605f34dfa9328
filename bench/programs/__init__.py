"""Whole programs as users write them, with one contender each; ``parts.scripts`` starts and times them.

``python -m programs.NAME CONTENDER [...]`` imports what that contender needs and no more, does its work, and prints the
seconds of the work, its imports and preparations aside, and then the score where there is one.
"""

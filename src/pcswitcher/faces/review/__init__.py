"""The review: the whole plan on one screen, and a decision about everything in it."""

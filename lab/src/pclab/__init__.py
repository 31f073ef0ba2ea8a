"""PC-switcher's lab: two or three real PCs on one box, for the demo and the tests."""

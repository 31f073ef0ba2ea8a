"""The terminal screen of a run. Imported only when it is shown: textual costs a quarter of a second."""

"""One sync from connect to record: pipeline, plan, review, history."""

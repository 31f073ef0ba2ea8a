"""Three jobs for trying and testing: ``dummy_success``, ``dummy_critical`` and ``dummy_failing`` (requirement J8).

They are true jobs with a small state, one note per job in a file of root's, so everything that holds for a job holds
for them. What they are for is the time they take to carry it, and what they say meanwhile.
"""

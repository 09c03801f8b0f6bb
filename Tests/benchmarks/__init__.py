"""Measure what has a goal. One module for each subject, with a function ``rows``; what it measures runs in fresh processes."""

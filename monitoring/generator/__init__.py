"""What `monitoring/generate.py` renders: rules and dashboards, from one file of thresholds."""

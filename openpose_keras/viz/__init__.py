"""Drawing, figures and the explorer."""

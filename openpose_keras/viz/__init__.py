"""Drawing on images, figures for notebooks, and the explorer."""

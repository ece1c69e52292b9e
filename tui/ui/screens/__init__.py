"""Full screens and dialogs, imported when they are first opened."""

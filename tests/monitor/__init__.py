"""What keeps facts fresh and carries jobs out."""

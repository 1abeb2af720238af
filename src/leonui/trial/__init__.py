"""Program x Intervention -> Record."""

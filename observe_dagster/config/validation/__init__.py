"""What has to hold between declared things."""

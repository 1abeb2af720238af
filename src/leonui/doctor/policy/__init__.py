"""What the Record of a policy that learns by reward looks like."""

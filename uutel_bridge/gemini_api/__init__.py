"""Google's GenerateContent, for the two providers that speak it."""

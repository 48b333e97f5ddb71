"""What runs share: files written whole, records, intervals, Markdown pages."""

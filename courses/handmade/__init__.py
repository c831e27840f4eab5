"""What a student keeps by hand where no source does: groups with weights, results, own order, a course once more."""

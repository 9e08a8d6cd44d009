"""The edges: ``torch.export.ExportedProgram`` both ways, and what reads it."""

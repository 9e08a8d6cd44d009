"""The edges: ``torch.export.ExportedProgram`` both ways, files, and what reads them.

torch.export takes a second to import: what is in here is imported when it is asked for.
"""

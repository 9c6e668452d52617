"""The Pulumi layer: settings, the pure lifecycle plan, and the components that carry it out."""

"""Flask: routes parse, make one call and render; blueprints do not import each other."""

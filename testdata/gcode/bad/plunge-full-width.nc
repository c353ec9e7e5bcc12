(line 10: plunge-full-width: straight down)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 X15. Y4.
G0 Z0.5
G1 Z-1. F200.
G0 Z20.
M5
M30

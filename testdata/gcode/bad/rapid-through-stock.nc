(line 9: rapid-through-stock: a rapid goes 2.000 mm deep)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z20.
G0 X15. Y4.
G0 Z-2.
G0 Z20.
M5
M30

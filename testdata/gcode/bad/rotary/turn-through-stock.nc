(line 10: rapid-through-stock: deep through stock)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z60.
G0 X15. Y-4.
G0 Z-3.
G0 C40.
G0 Z60.
M5
M30

(line 5: units: before G20 or G21)
G90 G94 G17
G54
T1 M6
G0 X0.
G0 Z20.
M5
M30

(line 10: decimal-point: Q1 has no decimal point)
%
O0010
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
S8000 M3
G0 G43 H1 Z20.
X-10. Y-10.
G98 G83 X-10. Y-10. Z1. R2. Q1 F100.
G0 Z20.
M5
M30
%

(line 8: feed-above-limit: asks C for 7200.0 degrees/min here, but it goes to 6000)
G21 G90 G94 G17 G40 G49 G80
G54
T1 M6
G43 H1
S8000 M3
G0 Z60.
G93 G1 C90. F80.
G0 Z60.
M5
M30

(line 3: program-start: no program number after the `%`)
%
G21 G90 G94 G17
M30
%

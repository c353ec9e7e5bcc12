(line 2: program-start: begin the file with a line `%`)
O0010
G21 G90
M30
%

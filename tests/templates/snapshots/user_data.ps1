# What cloudbase-init runs once, as SYSTEM. It unpacks the first stage, hands over to a start-up task and returns, so
# that neither cloudbase-init's other work nor a reboot waits for the installation.
# Its twin in Python is components/bootstrap/unpack.py.
$ErrorActionPreference = 'Stop'
$Root = 'C:\chatglm'
# A restored machine runs the installation of its image already; it must not go on with half-replaced files.
Stop-ScheduledTask -TaskName 'ChatGLM bootstrap' -ErrorAction SilentlyContinue
$Payload = 'PAYLOAD'
$inflate = New-Object IO.Compression.DeflateStream ([IO.MemoryStream][Convert]::FromBase64String($Payload)), ([IO.Compression.CompressionMode]::Decompress)
$files = ConvertFrom-Json (New-Object IO.StreamReader $inflate).ReadToEnd()
foreach ($file in $files.PSObject.Properties) {
    $path = Join-Path $Root $file.Name.Replace('/', '\')
    $null = New-Item -ItemType Directory -Force (Split-Path $path)
    [IO.File]::WriteAllText($path, $file.Value)
}
. "$Root\lib.ps1"
Register-StartTask 'ChatGLM bootstrap' "$Root\bootstrap.ps1"
Start-ScheduledTask -TaskName 'ChatGLM bootstrap'

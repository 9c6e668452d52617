# As an earlier version of this project launched machines with; kept as it was, faults and all.
# The machine's one entry: chatglm.ps1 VERB [JSON], prints one JSON document. JSON may be given as base64:..., which
# passes through every shell unharmed.
param([string]$Verb = 'status', [string]$Json = '{}')
# What is piped into the script: lines of the standard input, which only PowerShell itself can read.
$Lines = $input
. "$PSScriptRoot\lib.ps1"

# Writes lines of base64 at an offset of the upload; with a hash it ends the upload.
function Receive-File($Ask) {
    if ($Ask.name -notmatch '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$') { throw 'this name is not allowed' }
    $part = "$Inbox\$($Ask.name).part"
    $null = New-Item -ItemType Directory -Force $Inbox
    $out = [IO.File]::Open($part, 'OpenOrCreate')
    try {
        if ($null -ne $Ask.offset) {
            $out.SetLength($Ask.offset)
            $null = $out.Seek(0, 'End')
            foreach ($line in $Lines) {
                $block = [Convert]::FromBase64String($line)
                $out.Write($block, 0, $block.Length)
            }
        }
        $size = $out.Length
    } finally { $out.Close() }
    if ($Ask.sha256) {
        if ((Get-Sha256 $part) -ne $Ask.sha256) {
            Remove-Item $part -Force
            throw 'the upload is damaged'
        }
        Move-Item $part "$Inbox\$($Ask.name)" -Force
    }
    @{ name = $Ask.name; bytes = $size }
}

try {
    if ($Json.StartsWith('base64:')) { $Json = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Json.Substring(7))) }
    if ((Test-Path $Python) -and (Test-Path "$Root\guest\__main__.py") -and $Verb -notin 'receive', 'retry') {
        # Standard error stays apart and must not end the script.
        $ErrorActionPreference = 'Continue'
        $encoded = 'base64:' + [Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($Json))
        & $Python -m guest $Verb $encoded
        exit $LASTEXITCODE
    }
    $ask = ConvertFrom-Json $Json
    switch ($Verb) {
        'status' {
            $status = Read-Json "$State\status.json"
            Format-Json $(if ($status) { $status } else { @{ schema = 1; phase = 'bootstrapping'; steps = @() } })
        }
        'log' { Format-Json @{ step = 'bootstrap'; lines = @(Get-Content "$Logs\bootstrap.log" -Tail 50 | ForEach-Object { "$_" }) } }
        'receive' { Format-Json (Receive-File $ask) }
        'retry' {
            Start-ScheduledTask -TaskName 'ChatGLM bootstrap'
            Format-Json @{ started = $true }
        }
        default { throw "$Verb needs Python, which is not there yet | See status." }
    }
    exit 0
} catch {
    $parts = "$($_.Exception.Message) |" -split ' \| ?'
    Format-Json @{ error = @{ message = $parts[0]; hint = $parts[1] } }
    exit 1
}

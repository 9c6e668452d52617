# Text as 5.1 reads and writes it: without a mark a file is in the machine's code page.
function global:Get-WorldEncoding([string]$Name) {
    switch ($Name) {
        '' { $WorldCodePage; break }
        'Default' { $WorldCodePage; break }
        'String' { [Text.Encoding]::Unicode; break }
        'Oem' { $WorldCodePage; break }
        'UTF8' { New-Object Text.UTF8Encoding $true; break }
        'ASCII' { [Text.Encoding]::ASCII; break }
        'Unicode' { [Text.Encoding]::Unicode; break }
        'BigEndianUnicode' { [Text.Encoding]::BigEndianUnicode; break }
        'UTF32' { [Text.Encoding]::UTF32; break }
        'UTF7' { New-Object Text.UTF7Encoding; break }
        default { throw "Cannot bind parameter 'Encoding'. Cannot convert value `"$Name`" to type FileSystemCmdletProviderEncoding." }
    }
}

function global:Get-Content {
    [CmdletBinding()] param([Parameter(Position = 0, ValueFromPipeline)][string[]]$Path, [string[]]$LiteralPath, [Alias('Last')][int]$Tail = -1, [Alias('First', 'Head')][int64]$TotalCount = -1, [switch]$Raw, [string]$Encoding, [int64]$ReadCount, [switch]$Force)
    process {
        foreach ($one in @($Path) + @($LiteralPath)) {
            if (-not $one) { continue }
            $place = ConvertTo-WorldPath $one
            if (-not (Microsoft.PowerShell.Management\Test-Path -LiteralPath $place -PathType Leaf)) {
                Write-Error "Cannot find path '$one' because it does not exist." -Category ObjectNotFound
                continue
            }
            if ($Encoding -eq 'Byte') { [World.Text]::Bytes([World.Drive]::Real($place)); continue }
            $text = [World.Text]::Read([World.Drive]::Real($place), (Get-WorldEncoding $Encoding))
            if ($Raw) { $text; continue }
            $lines = [World.Text]::Lines($text)
            if ($TotalCount -ge 0) { $lines = @($lines | Microsoft.PowerShell.Utility\Select-Object -First $TotalCount) }
            if ($Tail -ge 0) { $lines = @($lines | Microsoft.PowerShell.Utility\Select-Object -Last $Tail) }
            $lines
        }
    }
}

function global:Set-Content {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1, ValueFromPipeline)]$Value, [string]$Encoding, [switch]$Force, [switch]$NoNewline)
    begin { $all = @() }
    process { $all += $Value }
    end { Write-WorldText $(if ($LiteralPath) { $LiteralPath } else { $Path }) $all $Encoding $NoNewline $false }
}

function global:Add-Content {
    [CmdletBinding()] param([Parameter(Position = 0)][string[]]$Path, [string[]]$LiteralPath, [Parameter(Position = 1, ValueFromPipeline)]$Value, [string]$Encoding, [switch]$Force, [switch]$NoNewline)
    begin { $all = @() }
    process { $all += $Value }
    end { Write-WorldText $(if ($LiteralPath) { $LiteralPath } else { $Path }) $all $Encoding $NoNewline $true }
}

function global:Write-WorldText($Path, $Lines, $Encoding, $NoNewline, $Append) {
    foreach ($one in $Path) {
        $text = if ($NoNewline) { -join $Lines } else { -join @($Lines | ForEach-Object { "$_`r`n" }) }
        if ($Append) { [IO.File]::AppendAllText($one, $text, (Get-WorldEncoding $Encoding)) } else { [IO.File]::WriteAllText($one, $text, (Get-WorldEncoding $Encoding)) }
    }
}
